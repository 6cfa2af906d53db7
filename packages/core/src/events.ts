/**
 * What happens, as data; renderers for terminals, logs and machines live in the command line.
 */
export type Event = StepStarted | StepProgressed | StepEnded | Noted | Warned;

/** A piece of work that takes noticeable time; steps may nest and overlap. */
export interface StepStarted {
  readonly type: "step.started";
  /** Unique within the process. */
  readonly step: number;
  readonly title: string;
}

export interface StepProgressed {
  readonly type: "step.progressed";
  readonly step: number;
  readonly done: number;
  /** Absent when the end is not known. */
  readonly total?: number;
  readonly unit: "bytes" | "entries" | "packages";
  /** What is being worked on now. */
  readonly detail?: string;
}

export interface StepEnded {
  readonly type: "step.ended";
  readonly step: number;
  readonly title: string;
  /** Stopped is what was running when something else failed, or the user pressed Ctrl-C. */
  readonly outcome: "done" | "failed" | "stopped";
  readonly durationMs: number;
  /** The result in a few words: `88 packages`, `cached`. */
  readonly detail?: string;
}

/** Something worth knowing that needs no action. */
export interface Noted {
  readonly type: "noted";
  readonly message: string;
}

/** Something that may not be what the user wants; `code` is stable. */
export interface Warned {
  readonly type: "warned";
  readonly code: string;
  readonly message: string;
}

export interface Reporter {
  emit(event: Event): void;
}

/** How a running step tells how far it is. */
export interface StepHandle {
  progress(
    done: number,
    options?: { readonly total?: number; readonly unit?: StepProgressed["unit"]; readonly detail?: string },
  ): void;
  /** Sets the few words that the end of the step will carry. */
  detail(text: string): void;
}

/** Runs `work` as a named step: reports its start, progress, end and duration. */
export async function step<T>(
  context: {
    readonly reporter: Reporter;
    readonly clock: { monotonicMs(): number };
    readonly signal?: { readonly aborted: boolean };
  },
  title: string,
  work: (handle: StepHandle) => Promise<T> | T,
): Promise<T> {
  const { reporter, clock } = context;
  const id = ++lastStep;
  const started = clock.monotonicMs();
  let detail: string | undefined;
  const end = (outcome: StepEnded["outcome"]) =>
    reporter.emit({
      type: "step.ended",
      step: id,
      title,
      outcome,
      durationMs: clock.monotonicMs() - started,
      ...(detail === undefined ? {} : { detail }),
    });
  reporter.emit({ type: "step.started", step: id, title });
  try {
    const result = await work({
      progress: (done, { total, unit = "bytes", detail: now } = {}) =>
        reporter.emit({
          type: "step.progressed",
          step: id,
          done,
          unit,
          ...(total === undefined ? {} : { total }),
          ...(now === undefined ? {} : { detail: now }),
        }),
      detail: (text) => {
        detail = text;
      },
    });
    end("done");
    return result;
  } catch (error) {
    end(context.signal?.aborted === true ? "stopped" : "failed");
    throw error;
  }
}

let lastStep = 0;
