/** Notices when nothing happens any more. */
export interface IdleWatch {
  /** Something happened; what is waited for from now on may take as long as before. */
  touch(): void;
  /** Nothing is waited for until `resume` or `allow`; what is heard meanwhile changes nothing. */
  pause(): void;
  resume(): void;
  /** From now on this long may pass between two touches. */
  allow(milliseconds: number): void;
  stop(): void;
}

export function watchIdle(milliseconds: number, onIdle: (milliseconds: number) => void): IdleWatch {
  let allowed = milliseconds;
  let stopped = false;
  const start = () => setTimeout(() => onIdle(allowed), allowed);
  let timer: NodeJS.Timeout | undefined = start();
  const pause = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    // Called for every line of an answer: refreshing is cheaper than a new timer.
    touch: () => void timer?.refresh(),
    pause,
    resume: () => {
      // What was going on when the watch ended may go on; a new timer would keep the process alive.
      if (!stopped) timer = timer?.refresh() ?? start();
    },
    allow: (next) => {
      if (stopped) return;
      pause();
      allowed = next;
      timer = start();
    },
    stop: () => {
      stopped = true;
      pause();
    },
  };
}
