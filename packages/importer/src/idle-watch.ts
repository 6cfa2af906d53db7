/** Notices when nothing happens any more. */
export interface IdleWatch {
  /** Something happened; what is waited for from now on may take as long as before. */
  touch(): void;
  /** Until the next touch nothing is waited for. */
  pause(): void;
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
    touch: () => {
      // Called for every line of an answer: refreshing is cheaper than a new timer.
      if (timer !== undefined) timer.refresh();
      // What was going on when the watch ended may still report; a new timer would keep the process alive.
      else if (!stopped) timer = start();
    },
    pause,
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
