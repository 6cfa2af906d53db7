import {
  BaseKitError,
  type Digest,
  type Healthcheck,
  type HistoryEntry,
  type Platform,
  printable,
  type RuntimeConfig,
} from "@base-kit/core";

export interface ConfigOptions {
  readonly platform: Platform;
  readonly runtime: RuntimeConfig;
  /** Seconds since 1970. */
  readonly created: number;
  readonly diffIds: readonly Digest[];
  /** For `docker history`; a step without a time is one of `created`. */
  readonly history: readonly HistoryEntry[];
}

/** The image configuration, OCI image specification 1.1 "Image Configuration"; its digest is the image id. */
export function imageConfig(options: ConfigOptions): Record<string, unknown> {
  const { platform, runtime, diffIds, history } = options;
  const created = rfc3339(options.created);
  return {
    created,
    architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    os: platform.os,
    config: runtimeFields(runtime),
    rootfs: { type: "layers", diff_ids: diffIds },
    history: history.map((step) => historyFields({ created, ...step })),
  };
}

function historyFields({ created, createdBy, author, comment, emptyLayer }: HistoryEntry): Record<string, unknown> {
  return present({ created, created_by: createdBy, author, comment, empty_layer: emptyLayer });
}

function healthcheckFields(check: Healthcheck): Record<string, unknown> {
  const { test, interval, timeout, startPeriod, startInterval, retries } = check;
  return present({
    Test: test,
    Interval: interval,
    Timeout: timeout,
    StartPeriod: startPeriod,
    StartInterval: startInterval,
    Retries: retries,
  });
}

function present(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** What containers are started with; the names are Docker's. */
export function runtimeFields(runtime: RuntimeConfig): Record<string, unknown> {
  const set = (values: readonly string[] | undefined) =>
    values === undefined || values.length === 0
      ? undefined
      : Object.fromEntries([...values].sort().map((value) => [value, {}]));
  const fields = {
    User: runtime.user,
    ExposedPorts: set(runtime.expose),
    Env: runtime.env === undefined ? undefined : Object.entries(runtime.env).map(([name, value]) => `${name}=${value}`),
    Entrypoint: runtime.entrypoint,
    Cmd: runtime.cmd,
    Volumes: set(runtime.volumes),
    WorkingDir: runtime.workdir,
    Labels:
      runtime.labels === undefined || Object.keys(runtime.labels).length === 0
        ? undefined
        : Object.fromEntries(Object.entries(runtime.labels).sort(([a], [b]) => (a < b ? -1 : 1))),
    StopSignal: runtime.stopSignal,
    Healthcheck: runtime.healthcheck && healthcheckFields(runtime.healthcheck),
    Shell: runtime.shell,
    OnBuild: runtime.onBuild,
  };
  return present(fields);
}

const YEAR_9999 = 253_402_300_799;

/** @throws BaseKitError `CREATED_OUT_OF_RANGE` (usage) outside the years 1970 to 9999 */
export function rfc3339(seconds: number): string {
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > YEAR_9999) {
    throw new BaseKitError(
      "CREATED_OUT_OF_RANGE",
      `${printable(String(seconds))} is not a time an image can be created at`,
      {
        kind: "usage",
        hint: "SOURCE_DATE_EPOCH is a whole number of seconds since 1970, before the year 10000.",
      },
    );
  }
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
