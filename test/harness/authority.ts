import { join } from 'node:path'
import { run } from './run.ts'

/** A certificate with its key, as PEM files. */
export interface TestCertificate {
  readonly certFile: string
  readonly keyFile: string
}

/** An authority of a test. */
export interface TestAuthority {
  readonly caFile: string
  /** Names as openssl takes them: `IP:127.0.0.1,DNS:server.dc1.consul`. */
  issue(name: string, alternatives: string): Promise<TestCertificate>
}

const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']

/** Makes an authority in a folder, by openssl. */
export async function makeAuthority(folder: string, name = 'ca'): Promise<TestAuthority> {
  const caFile = join(folder, `${name}.pem`)
  const caKey = join(folder, `${name}-key.pem`)
  const files = (keyFile: string, out: string) => ['-keyout', keyFile, '-out', out]
  await run('openssl', ['req', '-x509', ...key, '-subj', `/CN=${name}`, ...files(caKey, caFile)])
  return {
    caFile,
    issue: async (subject, alternatives) => {
      const certFile = join(folder, `${subject}.pem`)
      const keyFile = join(folder, `${subject}-key.pem`)
      const authority = ['-CA', caFile, '-CAkey', caKey]
      const names = ['-addext', `subjectAltName=${alternatives}`, '-addext', 'basicConstraints=CA:FALSE']
      await run('openssl', [
        ...['req', '-x509', ...key, '-subj', `/CN=${subject}`, ...authority, ...names],
        ...files(keyFile, certFile),
      ])
      return { certFile, keyFile }
    },
  }
}
