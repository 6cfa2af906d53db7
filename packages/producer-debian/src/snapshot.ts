import type { Grammar } from "@base-kit/debian-archive";

export const SNAPSHOT: Grammar = {
  expression: /^(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{8}T\d{6}Z)$/,
  rule: "a snapshot is a day or a second in UTC, such as 2026-07-11 or 20260711T101637Z",
};
