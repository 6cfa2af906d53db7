interface LayerRule {
  /** The rows a package of this row may import from at run time. Its own row is never among them. */
  readonly uses: readonly string[];
  readonly why: string;
}

/**
 * The rows of the house, lowest first. A package imports only from rows below its own and never from a neighbour in
 * the same row. The table is enforced while the workspace is synthesized and becomes the `layer:*` tag that Nx shows.
 */
export const LAYERS = {
  contract: {
    uses: [],
    why: "core says what a producer, a root filesystem, an image and a sink are; it does no I/O and knows nobody",
  },
  foundation: {
    uses: ["contract"],
    why: "one file format, one outside system or one kind of check each; what they share is a contract, not code",
  },
  tree: {
    uses: ["contract", "foundation"],
    why: "the virtual tree reads directories and archives, and everything that makes or packs a tree stands on it",
  },
  family: {
    uses: ["contract", "foundation", "tree"],
    why: "what the producers of one family of distributions do to a tree alike, so that they need not know each other",
  },
  producer: {
    uses: ["contract", "foundation", "tree", "family"],
    why: "a distribution can be added or dropped without touching another one, and none knows what an image is",
  },
  image: {
    uses: ["contract", "foundation", "tree"],
    why: "an image is a function of a tree, whoever made the tree",
  },
  sink: {
    uses: ["contract", "foundation", "tree", "image"],
    why: "takes a finished, validated image to where it is used, whoever produced it",
  },
  app: {
    uses: ["contract", "foundation", "tree", "family", "producer", "image", "sink"],
    why: "the one place where producers, images and sinks meet",
  },
  testing: {
    uses: ["contract", "foundation"],
    why: "used by tests alone, so it may appear among development dependencies only",
  },
} as const satisfies Record<string, LayerRule>;

export type Layer = keyof typeof LAYERS;

export interface Placed {
  readonly name: string;
  readonly layer: Layer;
}

/** @throws when code of `from` would import `to` against the table. */
export function assertMayDependOn(from: Placed, to: Placed): void {
  const rule: LayerRule = LAYERS[from.layer];
  if (!rule.uses.includes(to.layer)) {
    throw new Error(
      `${from.name} (layer ${from.layer}) may not depend on ${to.name} (layer ${to.layer}): ` +
        `${from.layer} may use ${rule.uses.length > 0 ? rule.uses.join(", ") : "no other package"}, because ${rule.why}.`,
    );
  }
}

/** Tests may use the test kit as well, except where the kit itself stands on the package. @throws otherwise. */
export function assertMayTestWith(from: Placed, to: Placed): void {
  if (to.layer !== "testing" || from.layer === "contract") assertMayDependOn(from, to);
}
