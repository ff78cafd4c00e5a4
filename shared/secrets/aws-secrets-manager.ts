import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { AppError } from '../errors/index.ts'
import type { AwsSecret } from './source.ts'

const patience = 10_000

/**
 * Asks AWS Secrets Manager for the current version of a secret, or for one field of it.
 *
 * @throws AppError `secret.unreadable` with the service's error name alone
 */
export async function awsSecret(secret: AwsSecret, signal?: AbortSignal): Promise<string> {
  const { id, field, region, endpoint } = secret
  const unreadable = (detail: string) =>
    new AppError('secret.unreadable', {
      message: 'AWS Secrets Manager did not give a secret',
      context: { id, ...(field === undefined ? {} : { field }), detail },
      hint: 'The role of this host needs secretsmanager:GetSecretValue on it, and kms:Decrypt on its key.',
    })
  const client = new SecretsManagerClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  })
  const deadline = AbortSignal.timeout(patience)
  try {
    const { SecretString: text, SecretBinary: bytes } = await client.send(
      new GetSecretValueCommand({ SecretId: id }),
      { abortSignal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]) },
    )
    const value = text ?? (bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8'))
    if (value === undefined || value === '') throw unreadable('it has no value')
    return field === undefined ? value.replace(/\r?\n$/, '') : fieldOf(value, field, unreadable)
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown
    if (signal?.aborted) throw AppError.from(signal.reason, 'interrupted')
    // no cause: the SDK keeps request and response beside its errors
    throw unreadable(deadline.aborted ? `no answer after ${patience} ms` : nameOf(thrown))
  } finally {
    client.destroy()
  }
}

function fieldOf(text: string, field: string, unreadable: (detail: string) => AppError): string {
  let fields: unknown
  try {
    fields = JSON.parse(text)
  } catch {
    // a parser's message quotes what it read
    throw unreadable('it is no JSON object')
  }
  const value =
    typeof fields === 'object' && fields !== null && Object.hasOwn(fields, field)
      ? (fields as Readonly<Record<string, unknown>>)[field]
      : undefined
  if (typeof value !== 'string' || value === '') throw unreadable('it has no such field of text')
  return value
}

function nameOf(thrown: unknown): string {
  const { name } = thrown as { readonly name?: unknown }
  return typeof name === 'string' && /^\w{1,80}$/.test(name) ? name : 'failed'
}
