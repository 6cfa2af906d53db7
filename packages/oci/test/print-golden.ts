import { goldenDigests, type Order } from "./golden-images.ts";

process.stdout.write(JSON.stringify(await goldenDigests(process.argv[2] as Order)));
