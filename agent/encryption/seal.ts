import { AppError } from '../../shared/errors/index.ts'
import type { ManifestEncryption } from '../../shared/model/manifest.ts'
import type { ToolFinder } from '../engines/port.ts'
import { freshIdentity } from './identity.ts'
import type { KeyContext, KeyService } from './key-service.ts'
import { type EncryptionPlan, recipientsOf } from './plan.ts'
import { tryRecipients } from './recipients.ts'

/** How the streams of one backup are encrypted. */
export interface Seal {
  /** For `age -r`; empty: not encrypted. */
  readonly recipients: readonly string[]
  /** What the manifest says of it. */
  readonly manifest: ManifestEncryption
}

/**
 * Readies the encryption of one backup, before its dump starts. With a KMS key a fresh identity is made for this
 * backup alone and wrapped, bound to the backup by `bound`; its secret is forgotten as soon as that is done, so
 * that this host cannot read what it stores. Of the service only Encrypt is asked.
 *
 * @throws AppError `encryption.*`, `kms.*`, `tool.missing`
 */
export async function openSeal(
  plan: EncryptionPlan,
  bound: KeyContext,
  context: {
    readonly tools: ToolFinder
    readonly signal: AbortSignal
    readonly keyService: (purpose: 'backup') => KeyService
  },
): Promise<Seal> {
  if (plan.kind === 'none') return { recipients: [], manifest: { kind: 'none' } }
  const recipients = await recipientsOf(plan)
  if (plan.kind === 'age') {
    await tryRecipients(recipients, context)
    return { recipients, manifest: { kind: 'age', recipients: [...recipients] } }
  }
  const { secret, recipient } = await freshIdentity(context)
  await tryRecipients([recipient, ...recipients], context)
  const bytes = Buffer.from(secret, 'latin1')
  try {
    const { wrapped, keyArn } = await context
      .keyService('backup')
      .wrap(plan.key, bytes, bound, context.signal)
    if (wrapped.byteLength === 0)
      throw new AppError('kms.unreachable', { message: 'the key service gave an empty wrapped key' })
    return {
      recipients: [recipient, ...recipients],
      manifest: {
        kind: 'aws-kms',
        recipient,
        recipients: [...recipients],
        key_arn: keyArn,
        wrapped_key: Buffer.from(wrapped).toString('base64'),
        context: { ...bound },
      },
    }
  } finally {
    bytes.fill(0)
  }
}
