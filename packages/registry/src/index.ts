export { type Attached, type Attachment, attach, listAttachments } from "./attach.ts";
export { listTags } from "./list-tags.ts";
export { type Pushed, type PushOptions, pushImage } from "./push-image.ts";
export { type ReadImageOptions, readImage } from "./read-image.ts";
export { registrySink } from "./registry-sink.ts";
export type { RegistryOptions } from "./session.ts";
