import { isBaseKitError } from "@base-kit/core";
import { writeFileAtomically } from "../src/index.ts";

async function* twoMegabytes() {
  for (let i = 0; i < 32; i++) yield Buffer.alloc(65536, "x");
}

await writeFileAtomically(process.argv[2] ?? "", twoMegabytes()).catch((error: unknown) => {
  console.log(isBaseKitError(error) ? `${error.code} ${error.message}` : error);
});
