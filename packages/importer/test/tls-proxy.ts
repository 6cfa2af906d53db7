import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { createServer, type TLSSocket } from "node:tls";

/** `ca.pem`, `cert.pem` and `key.pem` of an authority made for a test, and a certificate for 127.0.0.1 that is good for both sides. */
export function makeCertificates(folder: string): void {
  const openssl = (...args: readonly string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    "ca-key.pem",
    "-out",
    "ca.pem",
    "-days",
    "2",
    "-subj",
    "/CN=test authority",
  );
  openssl("req", ...key, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=127.0.0.1");
  writeFileSync(join(folder, "extensions"), "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n");
  const signer = ["-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "2", "-extfile", "extensions"];
  openssl("x509", "-req", "-in", "request.pem", "-out", "cert.pem", ...signer);
}

export interface TlsProxy {
  /** For DOCKER_HOST. */
  readonly host: string;
  close(): void;
}

/** What `dockerd --tlsverify` is, in front of a socket: only clients with a certificate of the same authority get through. */
export async function startTlsProxy(socket: string, certificates: string): Promise<TlsProxy> {
  const read = (name: string) => readFileSync(join(certificates, name));
  const open = new Set<TLSSocket>();
  const server = createServer(
    { ca: read("ca.pem"), cert: read("cert.pem"), key: read("key.pem"), requestCert: true, rejectUnauthorized: true },
    (client) => {
      const engine = connect(socket);
      open.add(client);
      const end = () => {
        open.delete(client);
        client.destroy();
        engine.destroy();
      };
      client.on("error", end).on("close", end);
      engine.on("error", end).on("close", end);
      client.pipe(engine).pipe(client);
    },
  );
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      for (const client of open) client.destroy();
      server.close();
    },
  };
}
