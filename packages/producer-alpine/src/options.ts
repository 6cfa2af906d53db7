/** What can be asked of this producer; the names are the command line's. */
export interface AlpineOptions {
  /** An http(s) URL, a `file:` URL or a folder, with the layout of Alpine's mirror below it. */
  readonly mirror?: string | undefined;
  /** `minirootfs`: what Alpine publishes, with packages on top. `packages`: nothing but packages. @default minirootfs */
  readonly variant?: "minirootfs" | "packages" | undefined;
  /** Packages as for `apk add`: `curl`, `python3~3.12`, `nginx@edge`. */
  readonly include?: readonly string[] | undefined;
  /** Further repositories, as lines of /etc/apk/repositories. */
  readonly repository?: readonly string[] | undefined;
  /** A public key, or a folder of them, besides Alpine's. */
  readonly keyring?: string | undefined;
  /** Where the packages' scripts run. @default auto */
  readonly configure?: ConfigureMode | undefined;
}

export type ConfigureMode = "auto" | "userns" | "chroot" | "container" | "none";
