import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { BaseKitError, type Context, isBaseKitError } from "@base-kit/core";
import { blocksOf } from "../blocks.ts";
import type { Compressor } from "./compressor.ts";

/** Frames are independent, so that several are made at once; smaller ones compress worse. */
const FRAME = 4 * 1024 ** 2;
const LEVEL = 3;

/**
 * zstd by Node's own library, which Node has from 22.15 on, else by the program `zstd`.
 *
 * @throws BaseKitError `ZSTD_MISSING` (environment) where there is neither
 */
export async function findZstd(context: Context): Promise<Compressor> {
  return nodeZstd() ?? (await programZstd(context));
}

interface ZstdOptions {
  readonly params: Readonly<Record<number, number>>;
}

type ZstdCompress = (
  block: Uint8Array,
  options: ZstdOptions,
  done: (error: Error | null, result: Buffer) => void,
) => void;

/** What the types of the oldest Node that base-kit runs on do not know. */
const { zstdCompress, constants } = zlib as unknown as {
  readonly zstdCompress?: ZstdCompress;
  readonly constants: Readonly<Record<string, number>>;
};

function nodeZstd(): Compressor | undefined {
  if (zstdCompress === undefined) return undefined;
  const compress = promisify<Uint8Array, ZstdOptions, Buffer>(zstdCompress);
  const params = {
    [constants["ZSTD_c_compressionLevel"] as number]: LEVEL,
    [constants["ZSTD_c_checksumFlag"] as number]: 1,
  };
  return frames(`node-zstd-${process.versions["zstd"]}/${LEVEL}`, (block) => compress(block, { params }));
}

async function programZstd({ exec, signal }: Context): Promise<Compressor> {
  const version = await exec("zstd", ["--version"]).catch((error: unknown) => {
    if (!isBaseKitError(error) || error.code !== "EXEC_NOT_FOUND") throw error;
    throw new BaseKitError("ZSTD_MISSING", "zstd layers need Node 22.15 or newer, or the program zstd; found neither", {
      kind: "environment",
      hint: "Install zstd, use a newer Node, or leave --compression away, which means gzip. Nothing was written.",
    });
  });
  const number = /\bv(\d+\.\d+\.\d+)/.exec(version.stdout.toString())?.[1] ?? "unknown";
  const args = [`-${LEVEL}`, "--check", "--single-thread", "--no-progress", "--quiet", "--stdout"];
  return frames(
    `zstd-${number}/${LEVEL}`,
    async (block) => (await exec("zstd", args, { stdin: block, signal, maxOutput: 2 * FRAME })).stdout,
  );
}

function frames(id: string, compress: (block: Buffer) => Promise<Buffer>): Compressor {
  return {
    id,
    compression: "zstd",
    pieces: async function* (chunks) {
      for await (const { block } of blocksOf(chunks, FRAME)) yield { of: undefined, bytes: compress(block) };
    },
  };
}
