/** Notices when nothing happens any more. */
export interface IdleWatch {
  /** Something happened. */
  touch(): void;
  /** From now on this long may pass between two touches. */
  allow(milliseconds: number): void;
  stop(): void;
}

export function watchIdle(milliseconds: number, onIdle: (milliseconds: number) => void): IdleWatch {
  let allowed = milliseconds;
  let stopped = false;
  const start = () => setTimeout(() => onIdle(allowed), allowed);
  let timer = start();
  return {
    // Called for every chunk: refreshing is cheaper than a new timer.
    touch: () => {
      timer.refresh();
    },
    allow: (next) => {
      // What was going on when the watch ended may still report; a new timer would keep the process alive.
      if (stopped) return;
      clearTimeout(timer);
      allowed = next;
      timer = start();
    },
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
