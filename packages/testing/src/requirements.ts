import { appendFileSync } from "node:fs";
import { probe, type Tool, type ToolState } from "./machine.ts";

export interface Requirement {
  readonly skip: boolean;
  /** What is missing and why, where `skip` is true. */
  readonly reason?: string;
}

/**
 * What a test needs of the machine: `describe.skipIf(requires("docker", "root").skip)("…")`. `npm test` looks at the
 * machine once and hands the answer over in `BASE_KIT_TEST_TOOLS`; a plain `npx vitest` looks for itself. Which tests
 * were skipped, and why, stands in the table that `npm test` prints.
 *
 * @throws in CI when something is missing: there nothing may be skipped.
 */
export function requires(...tools: readonly Tool[]): Requirement {
  const missing = tools.flatMap((tool) => {
    const state = stateOf(tool);
    return state.available ? [] : [`${tool}: ${state.reason}`];
  });
  if (missing.length === 0) return { skip: false };
  const reason = missing.join("; ");
  if (isContinuousIntegration())
    throw new Error(`nothing may be skipped when CI is set, but this machine lacks ${reason}`);
  record(reason);
  return { skip: true, reason };
}

/**
 * Where a tool is reached: the engine's address for `docker`, containerd's socket for `ctr`, a URL or a folder for the
 * mirrors.
 *
 * @throws when the tool is not there or has no address; ask `requires()` first.
 */
export function locationOf(tool: Tool): string {
  const state = stateOf(tool);
  if (!state.available) throw new Error(`${tool} is not available: ${state.reason}`);
  if (state.location === undefined) throw new Error(`${tool} is a program on the PATH and has no address`);
  return state.location;
}

const probed = new Map<Tool, ToolState>();

function stateOf(tool: Tool): ToolState {
  const handedOver = process.env["BASE_KIT_TEST_TOOLS"];
  if (handedOver) {
    const states = JSON.parse(handedOver) as Partial<Record<Tool, ToolState>>;
    const state = states[tool];
    if (state === undefined) throw new Error(`BASE_KIT_TEST_TOOLS says nothing about ${tool}`);
    return state;
  }
  const state = probed.get(tool) ?? probe(tool);
  probed.set(tool, state);
  return state;
}

/** Leaves a line for the table of skipped tests. */
function record(reason: string): void {
  const file = process.env["BASE_KIT_TEST_SKIPS"];
  if (!file) return;
  const [, test] = new Error().stack?.match(/(?:file:\/\/)?(\/[^\s()]+\.test\.ts)/) ?? [];
  appendFileSync(file, `${JSON.stringify({ test, reason })}\n`);
}

function isContinuousIntegration(): boolean {
  return !["", "0", "false"].includes(process.env["CI"] ?? "");
}
