/** What can be asked of this producer; the names are the command line's. */
export interface AlpineOptions {
  /** An http(s) URL, a `file:` URL or a folder, with the layout of Alpine's mirror below it. */
  readonly mirror?: string | undefined;
}
