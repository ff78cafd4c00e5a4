import { readEnvironment } from '../config/environment.ts'
import { readSecretFile } from '../config/secret-file.ts'
import { AppError } from '../errors/index.ts'
import { secretOfCommand } from './command.ts'
import { readMounted } from './mounted.ts'
import type { SecretSource } from './source.ts'

/**
 * Reads a secret from where it comes from, anew each time: call it when it is needed and keep the answer nowhere,
 * so that a rotated one is taken up without a restart. One newline at its end is not part of it.
 *
 * @throws AppError `secret.exposed`, `secret.unreadable`; neither ever holds a part of the secret
 */
export async function readSecret(source: SecretSource, signal?: AbortSignal): Promise<string> {
  if (typeof source === 'string') return readSecretFile(source)
  if ('file' in source) return readSecretFile(source.file)
  if ('mounted' in source) return readMounted(source.mounted)
  if ('env' in source) return ofVariable(source.env)
  if ('command' in source) return secretOfCommand(source, signal)
  // the SDK is loaded only where somebody uses it
  const { awsSecret } = await import('./aws-secrets-manager.ts')
  return awsSecret(source.aws_secrets_manager, signal)
}

function ofVariable(name: string): string {
  const value = readEnvironment('')[name]
  if (value === undefined || value === '')
    throw new AppError('secret.unreadable', {
      message: `the secret in variable ${name} is not set`,
      context: { variable: name },
      hint: 'Set it in the environment of the service; a change there needs a restart, other providers do not.',
    })
  return value
}
