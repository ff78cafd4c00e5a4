import { caFileOf } from '../ca-file.ts'
import type { EngineContext, InstanceTarget } from '../port.ts'
import { readPassword, writePrivate } from '../secret-file.ts'
import type { Dialect } from './dialect.ts'

/** Seconds to wait for a connection. */
const connectTimeoutSeconds = 10

/**
 * A value for an option file: quoted, with the escapes its reader knows, so that `#`, `;`, spaces and quotes
 * in a password are just characters.
 */
export function optionValue(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('\r', '\\r')
  return `"${escaped}"`
}

/**
 * Writes the 0600 option file of one command and returns its path, for `--defaults-file`. Not
 * `--defaults-extra-file`: a `no-data` or `force` in some `/etc/mysql/*.cnf` would empty our dumps in silence.
 */
export async function writeOptionFile(
  target: InstanceTarget,
  dialect: Dialect,
  context: EngineContext,
  dump: 'dump' | 'client',
): Promise<string> {
  const password = await readPassword(target)
  const tls = target.tls ?? 'prefer'
  const socket = target.host.startsWith('/')
  const lines = [
    '[client]',
    `user=${optionValue(target.user)}`,
    `password=${optionValue(password ?? '')}`,
    // `localhost` would silently mean the socket.
    ...(socket
      ? [`socket=${optionValue(target.host)}`, 'protocol=socket']
      : [`host=${optionValue(target.host)}`, `port=${target.port}`, 'protocol=tcp']),
    ...(socket ? [] : dialect.tls[tls]),
    ...(tls === 'verify-full' ? [`ssl-ca=${optionValue(caFileOf(target))}`] : []),
    'default-character-set=utf8mb4',
    // In groups of their own: each tool refuses, or warns of, options it does not have.
    ...(dump === 'dump'
      ? ['[mysqldump]', ...dialect.dumpOptions]
      : ['[mysql]', `connect-timeout=${connectTimeoutSeconds}`]),
  ]
  return writePrivate(context, 'my.cnf', `${lines.join('\n')}\n`)
}
