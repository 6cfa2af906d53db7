/** Numbers by name, as in /etc/passwd and /etc/group. */
export interface Accounts {
  readonly users: ReadonlyMap<string, number>;
  readonly groups: ReadonlyMap<string, number>;
}

/** passwd(5), group(5): the third field is the number, the first of several lines with one name counts. */
export function parseAccounts(passwd: string, group: string): Accounts {
  return { users: numbers(passwd), groups: numbers(group) };
}

function numbers(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [name = "", , number = ""] = line.split(":");
    if (name !== "" && /^\d{1,10}$/.test(number) && !found.has(name)) found.set(name, Number(number));
  }
  return found;
}
