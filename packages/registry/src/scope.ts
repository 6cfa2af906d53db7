/** What a request does with a repository, in the words of token servers: distribution's token authentication, "scope". */
export interface Scope {
  readonly repository: string;
  readonly actions: "pull" | "pull,push";
}

export function formatScope({ repository, actions }: Scope): string {
  return `repository:${repository}:${actions}`;
}
