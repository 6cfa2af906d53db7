// One process at a time prepares a checkout. The lock is a file that names its owner; a lock whose owner is gone is
// taken over, so a killed run never stops the next one.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Runs `action` while holding `lock`. The action may name a child process that has to end, too, before the lock counts
 * as abandoned: an installer goes on writing when only its parent was killed.
 */
export async function exclusively(lock, action) {
  const own = `${lock}.${process.pid}`;
  let waiting = false;
  try {
    write(own, [process.pid]);
    while (!acquire(lock, own)) {
      if (!waiting)
        process.stderr.write(`base-kit: waiting for another process that prepares this checkout (${lock})\n`);
      waiting = true;
      await sleep(200);
    }
  } finally {
    rmSync(own, { force: true });
  }
  try {
    await action((child) => {
      write(own, [process.pid, child]);
      renameSync(own, lock);
    });
  } finally {
    rmSync(lock, { force: true });
  }
}

function acquire(lock, own) {
  try {
    linkSync(own, lock); // appears with its content or not at all
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  const found = read(lock);
  if (found !== undefined && !isHeld(found)) takeAway(lock, found, own);
  return false;
}

/** Of several that see the same dead owner one removes the lock; a lock that has changed meanwhile is put back. */
function takeAway(lock, dead, own) {
  const aside = `${own}.abandoned`;
  try {
    renameSync(lock, aside);
    if (read(aside) !== dead) linkSync(aside, lock);
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function isHeld(content) {
  let owners;
  try {
    owners = JSON.parse(content);
  } catch {
    return false;
  }
  return Array.isArray(owners) && owners.some(({ pid, birth }) => isAlive(pid) && birthOf(pid) === birth);
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}

/**
 * Process ids are used again; together with the time of birth they are not. `null` where /proc does not exist, undefined for one
 * that has ended: it keeps its number until its parent looks after it, which the first process of a container may never do.
 */
function birthOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ");
    return /^[ZX]/.test(fields[0]) ? undefined : fields[19];
  } catch {
    return null;
  }
}

function write(file, pids) {
  writeFileSync(file, JSON.stringify(pids.map((pid) => ({ pid, birth: birthOf(pid) }))));
}

function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}
