import { type Context, type StepHandle, step } from "@base-kit/core";

const PHASES = {
  Retrieving: "retrieving",
  Extracting: "extracting",
  Unpacking: "unpacking",
  Configuring: "configuring",
} as const;

type Phase = (typeof PHASES)[keyof typeof PHASES];

/** What a line of debootstrap says about one package; undefined for headings and everything else. */
export function parseProgressLine(line: string): { readonly phase: Phase; readonly package: string } | undefined {
  const retrieving = line.match(/^I: (Retrieving) (\S+) \S+$/);
  const [, verb, name] = retrieving ?? line.match(/^I: (Extracting|Unpacking|Configuring) ([^\s]+?)\.\.\.$/) ?? [];
  if (verb === undefined || name === undefined) return undefined;
  return { phase: PHASES[verb as keyof typeof PHASES], package: name };
}

/** Follows debootstrap's lines and reports each phase as a step that counts packages. */
export interface ProgressFollower {
  line(line: string): void;
  end(failed: boolean): void;
}

export function followProgress(context: Pick<Context, "reporter" | "clock">): ProgressFollower {
  let current: OpenStep | undefined;
  // A package that is downloaded a second time, or configured again, is still one.
  const seen = new Map<Phase, Set<string>>();
  return {
    line: (line) => {
      const progress = parseProgressLine(line);
      if (progress === undefined) return;
      const { phase } = progress;
      const names = (seen.get(phase) ?? new Set()).add(progress.package);
      seen.set(phase, names);
      if (current?.phase !== phase) {
        current?.end(false);
        current = openStep(phase, context);
      }
      const total = phase === "retrieving" ? undefined : seen.get("retrieving")?.size;
      current.handle?.progress(names.size, {
        unit: "packages",
        detail: progress.package,
        ...(total === undefined || total < names.size ? {} : { total }),
      });
      current.handle?.detail(names.size === 1 ? "1 package" : `${names.size} packages`);
    },
    end: (failed) => {
      current?.end(failed);
      current = undefined;
    },
  };
}

interface OpenStep {
  readonly phase: Phase;
  readonly handle: StepHandle | undefined;
  end(failed: boolean): void;
}

/** A step whose end another line decides. */
function openStep(phase: Phase, context: Pick<Context, "reporter" | "clock">): OpenStep {
  let handle: StepHandle | undefined;
  let end: (failed: boolean) => void = () => {};
  step(context, `${phase} packages`, (opened) => {
    handle = opened;
    return new Promise<void>((resolve, reject) => {
      end = (failed) => (failed ? reject(new Error("debootstrap failed")) : resolve());
    });
  }).catch(() => {
    // Whoever runs debootstrap tells what went wrong.
  });
  return { phase, handle, end: (failed) => end(failed) };
}
