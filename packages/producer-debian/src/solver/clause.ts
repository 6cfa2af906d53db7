import type { Package } from "../index/package.ts";
import type { Relation } from "../index/relation.ts";

/** A package that is installed, or is not. */
export interface Literal {
  readonly name: string;
  readonly isInstalled: boolean;
}

/** At least one of the literals has to be true. */
export interface Clause {
  readonly literals: readonly Literal[];
  readonly because: Reason;
}

/** Where a clause comes from, for explanations. */
export type Reason =
  | { readonly kind: "wanted"; readonly name: string; readonly why: string }
  | { readonly kind: "unwanted"; readonly name: string }
  | { readonly kind: "needs"; readonly by: Package; readonly group: readonly Relation[] }
  | {
      readonly kind: "conflicts" | "breaks";
      readonly by: Package;
      readonly relation: Relation;
      readonly other: Package;
    }
  /** Follows from these. */
  | { readonly kind: "learned"; readonly from: ReadonlySet<Clause> };
