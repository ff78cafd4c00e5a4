import type { AgentConfig } from '../config.ts'
import { awsKms, type EncryptionWorld } from '../encryption/index.ts'
import { sourceOf } from './destinations.ts'

/** Encryption as the configuration says; each purpose asks KMS with its own credentials. */
export function encryptionFrom(config: AgentConfig['encryption']): EncryptionWorld {
  const { kms } = config
  return {
    settings: {
      required: config.required,
      recipients: config.recipients,
      ...(config.recipients_file === undefined ? {} : { recipientsFile: config.recipients_file }),
      ...(config.kms_key === undefined ? {} : { kmsKey: config.kms_key }),
      breakGlass: config.break_glass,
      identityFiles: config.identity_files,
    },
    keyService: purpose => {
      const credentials =
        purpose === 'restore' ? (kms.restore?.credentials ?? kms.credentials) : kms.credentials
      return awsKms({
        region: kms.region,
        endpoint: kms.endpoint,
        credentials: credentials === undefined ? undefined : sourceOf(credentials),
      })
    },
  }
}
