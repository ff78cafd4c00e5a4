import { caFileOf } from '../ca-file.ts'
import type { EngineContext, InstanceTarget } from '../port.ts'
import { readPassword, writePrivate } from '../secret-file.ts'

/** Seconds to wait for a connection, for our sessions and for the tools. */
export const connectTimeoutSeconds = 10

/**
 * Server-side settings that every session of ours carries (P6): when this host dies, the server notices
 * within about a minute and lets go of the snapshot and of the locks.
 */
export const serverKeepalive = {
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
} as const

/**
 * A database name for `-d`. Nothing weaker will do: `--` does not protect a name, and both `a=b` and
 * `postgresql://x` are taken for connection strings (facts-databases §17).
 */
export function conninfo(database: string): string {
  return `dbname='${database.replaceAll(/[\\']/g, '\\$&')}'`
}

/** The one line of a passfile: any host, port, database and user, since the file serves one command. */
export function passfileLine(password: string): string {
  return `*:*:*:*:${password.replaceAll(/[\\:]/g, '\\$&')}\n`
}

/**
 * The environment a client tool connects by. The password travels in a 0600 passfile, which is written even
 * without a password: so a `~/.pgpass` that happens to lie around never decides.
 *
 * @param settings server settings beside the keepalive; must be known to the server's version
 */
export async function toolEnvironment(
  target: InstanceTarget,
  context: EngineContext,
  purpose: string,
  settings: Readonly<Record<string, string | number>> = {},
): Promise<Record<string, string>> {
  const password = await readPassword(target)
  const passfile = await writePrivate(context, 'pgpass', password === undefined ? '' : passfileLine(password))
  const tls = target.tls ?? 'prefer'
  return {
    PGHOST: target.host,
    PGPORT: String(target.port),
    PGUSER: target.user,
    PGPASSFILE: passfile,
    PGSSLMODE: tls,
    ...(tls === 'verify-full' ? { PGSSLROOTCERT: caFileOf(target) } : {}),
    PGCONNECT_TIMEOUT: String(connectTimeoutSeconds),
    PGAPPNAME: `holdfast ${purpose}`,
    PGOPTIONS: Object.entries({ ...serverKeepalive, ...settings })
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  }
}
