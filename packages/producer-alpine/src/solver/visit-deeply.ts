/** Depth first, without a stack of calls: rows of needs can be longer than that may grow. `visit` yields what to visit meanwhile. */
export function visitDeeply<T>(first: T, visit: (value: T) => Generator<T>): void {
  const open = [visit(first)];
  for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
    const next = last.next();
    if (next.done === true) open.pop();
    else open.push(visit(next.value));
  }
}
