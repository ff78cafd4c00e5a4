import { AppError } from '../../shared/errors/index.ts'
import type { EncryptionSpec } from '../../shared/wire/gen/holdfast/v1/agent_link.ts'
import type { ToolFinder } from '../engines/port.ts'
import type { KeyService } from './key-service.ts'
import { narrowRecipient, readRecipientsFile, tryRecipients } from './recipients.ts'

/** Who can read backups, and with what this host reads them; from the configuration of the agent. */
export interface EncryptionSettings {
  /** Nothing is stored in plaintext, whatever a job asks. */
  readonly required: boolean
  /** Used when a job names nobody. */
  readonly recipients: readonly string[]
  readonly recipientsFile?: string
  readonly kmsKey?: string
  /** Further recipients of every encrypted backup. */
  readonly breakGlass: readonly string[]
  /** 0600 files of age identities, for restores. */
  readonly identityFiles: readonly string[]
}

/** What recipes use of encryption. */
export interface EncryptionWorld {
  readonly settings: EncryptionSettings
  /** Each purpose with its own credentials: backing up needs to wrap only. */
  keyService(purpose: 'backup' | 'restore'): KeyService
}

/** Nothing configured; everything else may still come with the job. */
export const noEncryption: EncryptionSettings = {
  required: false,
  recipients: [],
  breakGlass: [],
  identityFiles: [],
}

/** How a backup is going to be encrypted. */
export type EncryptionPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'age'; readonly recipients: readonly string[]; readonly recipientsFile?: string }
  | {
      readonly kind: 'aws-kms'
      readonly key: string
      readonly recipients: readonly string[]
      readonly recipientsFile?: string
    }

/**
 * Decides how a backup is encrypted: as the job says, else as the host is configured. Who may read everything
 * (break-glass) is added to whatever is encrypted, from both.
 *
 * @throws AppError `encryption.required` when plaintext is forbidden and nobody is named,
 *   `encryption.recipient-invalid`
 */
export function planEncryption(
  asked: EncryptionSpec | undefined,
  settings: EncryptionSettings,
): EncryptionPlan {
  const named = namesAnyone(asked)
    ? {
        recipients: asked.recipients,
        file: asked.recipientsFile === '' ? undefined : asked.recipientsFile,
        key: asked.kmsKey === '' ? undefined : asked.kmsKey,
      }
    : { recipients: settings.recipients, file: settings.recipientsFile, key: settings.kmsKey }
  if (named.recipients.length === 0 && named.file === undefined && named.key === undefined) {
    if (asked?.required === true || settings.required)
      throw new AppError('encryption.required', {
        context: { required_by: settings.required ? 'the agent configuration' : 'the policy' },
      })
    return { kind: 'none' }
  }
  const breakGlass = [...(asked?.breakGlass ?? []), ...settings.breakGlass]
  const shared = {
    recipients: [...new Set([...named.recipients, ...breakGlass].map(each => narrowRecipient(each)))],
    ...(named.file === undefined ? {} : { recipientsFile: named.file }),
  }
  return named.key === undefined ? { kind: 'age', ...shared } : { kind: 'aws-kms', key: named.key, ...shared }
}

function namesAnyone(asked: EncryptionSpec | undefined): asked is EncryptionSpec {
  return (
    asked !== undefined && (asked.recipients.length > 0 || asked.recipientsFile !== '' || asked.kmsKey !== '')
  )
}

/** Everyone a plan names, its file read now. @throws AppError `encryption.recipients-unreadable`, `encryption.recipient-invalid` */
export async function recipientsOf(plan: EncryptionPlan): Promise<readonly string[]> {
  if (plan.kind === 'none') return []
  const fromFile = plan.recipientsFile === undefined ? [] : await readRecipientsFile(plan.recipientsFile)
  return [...new Set([...plan.recipients, ...fromFile])]
}

/**
 * What can be known before a backup is accepted: tools, the recipients file, and that age takes every recipient.
 *
 * @throws AppError `tool.missing`, `encryption.*`
 */
export async function checkEncryption(plan: EncryptionPlan, tools: ToolFinder): Promise<void> {
  if (plan.kind === 'none') return
  await tools.find(['age'], [], 'path')
  if (plan.kind === 'aws-kms') await tools.find(['age-keygen'], [], 'path')
  const recipients = await recipientsOf(plan)
  if (recipients.length > 0) await tryRecipients(recipients, { tools })
}
