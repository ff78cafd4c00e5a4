import { z } from 'zod'
import { secretFile } from '../../shared/config/index.ts'
import { isOperatorName } from '../../shared/tls/identity.ts'

const path = z.string().min(1)

/** Certificates of the coordinator's listener: files, so that a PKI of one's own is the same thing as ours. */
export const tlsSchema = z.strictObject({
  /** CAs whose certificates are believed, PEM; two while one replaces the other. */
  ca_file: path,
  /** The listener's certificate, PEM, with intermediates. */
  certificate_file: path,
  key_file: secretFile(),
  /** Key of one of the CAs: with it agents can join and renew; without it the certificates are somebody else's matter. */
  ca_key_file: secretFile().optional(),
})

/** Roles an operator's certificate can stand for. */
export const operatorRoles = ['viewer', 'operator', 'restorer', 'admin'] as const

export const operatorsSchema = z.record(
  z.string().refine(isOperatorName, {
    message: 'expected a name of lower-case letters, digits and . _ @ -, 64 at most',
  }),
  z.enum(operatorRoles),
)

/** What of TLS does not go with the rest. */
export function tlsProblems(config: {
  readonly tls?: unknown
  readonly insecure_loopback?: unknown
}): readonly string[] {
  return config.tls !== undefined && config.insecure_loopback === true
    ? ['must not be given beside `insecure_loopback` (flag --insecure-loopback)']
    : []
}
