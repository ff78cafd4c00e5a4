import { z } from 'zod'

/** A key that opened a backup, as journal, spool and the link tell of it: never the key itself. */
export const keyUseSchema = z.strictObject({
  /** `age`: an identity of this host; `aws-kms`: the wrapped identity, unwrapped by the key service. */
  kind: z.enum(['age', 'aws-kms']),
  /** The recipient (public) the identity stands for, or the ARN. */
  key: z.string(),
  backup_id: z.string(),
})

export type KeyUse = z.infer<typeof keyUseSchema>
