import { existsSync } from 'node:fs'
import type { InstanceTarget } from './port.ts'

/** Where systems keep their CA bundle: Debian, Red Hat, SUSE, Alpine. Older clients have no word for "the system's". */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
] as const

/** The CA file for `verify-full`: the target's own, else the system's. A missing one is told by the client. */
export function caFileOf(target: InstanceTarget): string {
  return target.tlsCaFile ?? systemBundles.find(path => existsSync(path)) ?? systemBundles[0]
}
