import type { ByteString } from "@base-kit/core";
import { bytesFromText } from "@base-kit/core";
import type { Decoder, Layout } from "./decode.ts";
import { readWord } from "./decode.ts";
import type { ProgramHeader } from "./program-headers.ts";
import { PT_NOTE } from "./program-headers.ts";

/** What the file says about itself that no loader reads. */
export interface Notes {
  /** `NT_GNU_BUILD_ID`, in hexadecimal digits. */
  readonly buildId?: string;
  /** Libraries it opens while it runs; absent when it says nothing about them. */
  readonly dlopen?: readonly DlopenNote[];
}

/** One entry of `.note.dlopen`: <https://uapi-group.org/specifications/specs/elf_dlopen_metadata/>. */
export interface DlopenNote {
  /** Any one of them will do, the first that is there is taken. */
  readonly sonames: readonly ByteString[];
  readonly feature?: string;
  readonly description?: string;
  readonly priority: "required" | "recommended" | "suggested";
}

const NT_GNU_BUILD_ID = 3;
const FDO_DLOPEN = 0x407c0c0a;
const NOTES_AT_MOST = 256n * 1024n;
const SONAMES_AT_MOST = 256;

/** Nobody has to understand a note, so a damaged one ends the reading of its segment and is no error. */
export function readNotes(file: Decoder, segments: readonly ProgramHeader[], layout: Layout): Notes | undefined {
  let buildId: string | undefined;
  let dlopen: DlopenNote[] | undefined;
  for (const segment of segments) {
    if (segment.type !== PT_NOTE || segment.fileSize > NOTES_AT_MOST || !isThere(file, segment)) continue;
    for (const { owner, type, content } of notesIn(
      file.bytes(segment.offset, segment.fileSize, "a note"),
      segment,
      layout,
    )) {
      if (owner === "GNU" && type === NT_GNU_BUILD_ID) buildId ??= content.toString("hex");
      if (owner === "FDO" && type === FDO_DLOPEN) dlopen = [...(dlopen ?? []), ...dlopenNotes(content)];
    }
  }
  if (buildId === undefined && dlopen === undefined) return undefined;
  return { ...(buildId === undefined ? {} : { buildId }), ...(dlopen === undefined ? {} : { dlopen }) };
}

function isThere(file: Decoder, { offset, fileSize }: ProgramHeader): boolean {
  try {
    file.require(offset, fileSize, "a note");
    return true;
  } catch {
    return false;
  }
}

interface Note {
  readonly owner: string;
  readonly type: number;
  readonly content: Buffer;
}

/** gABI, chapter 5, "Note Section": sizes of name and content, a type, both padded. */
function* notesIn(bytes: Buffer, { alignment }: ProgramHeader, layout: Layout): Generator<Note> {
  const padded = (size: number) => (alignment === 8n ? Math.ceil(size / 8) * 8 : Math.ceil(size / 4) * 4);
  for (let at = 0; at + 12 <= bytes.length; ) {
    const [nameSize, contentSize, type] = [0, 4, 8].map((offset) => readWord(bytes, at + offset, layout)) as [
      number,
      number,
      number,
    ];
    const contentAt = at + padded(12 + nameSize);
    if (contentAt + contentSize > bytes.length) return;
    const owner = bytes.toString("latin1", at + 12, at + 12 + Math.max(0, nameSize - 1));
    yield { owner, type, content: bytes.subarray(contentAt, contentAt + contentSize) };
    at = contentAt + padded(contentSize);
  }
}

function dlopenNotes(content: Buffer): readonly DlopenNote[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content.toString("utf8").replace(/\0+$/, ""));
  } catch {
    return [];
  }
  return Array.isArray(parsed) ? parsed.flatMap(dlopenNote) : [];
}

function dlopenNote(value: unknown): readonly DlopenNote[] {
  if (typeof value !== "object" || value === null) return [];
  const { soname, feature, description, priority } = value as Readonly<Record<string, unknown>>;
  const sonames = Array.isArray(soname) ? soname.filter((name) => typeof name === "string") : [];
  if (sonames.length === 0 || sonames.length > SONAMES_AT_MOST) return [];
  return [
    {
      sonames: sonames.map(bytesFromText),
      ...(typeof feature === "string" ? { feature } : {}),
      ...(typeof description === "string" ? { description } : {}),
      priority: priority === "required" || priority === "suggested" ? priority : "recommended",
    },
  ];
}
