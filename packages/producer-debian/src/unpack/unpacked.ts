/** All that is known of a package's contents without its files' bytes. Plain JSON, so that it can be kept. */
export interface UnpackedPackage {
  /** The text of `control`. */
  readonly control: string;
  /** The other files of the control archive, such as `postinst` and `conffiles`. */
  readonly controlFiles: readonly ControlFile[];
  /** What stands in the data archive, in its order. */
  readonly members: readonly DataMember[];
  /** MD5 of each conffile, in hexadecimal, by its path; dpkg remembers what it installed. */
  readonly conffileDigests: Readonly<Record<string, string>>;
}

export interface ControlFile {
  readonly name: string;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly base64: string;
}

/** Byte strings as in `Entry`. */
export interface DataMember {
  readonly type: "file" | "directory" | "symlink" | "hardlink" | "character-device" | "block-device" | "fifo";
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  /** Bytes of a file. */
  readonly size?: number;
  /** Where in the data archive a file's bytes begin. */
  readonly offset?: number;
  readonly target?: string;
  readonly major?: number;
  readonly minor?: number;
  /** Values in base64. */
  readonly xattrs?: Readonly<Record<string, string>>;
}
