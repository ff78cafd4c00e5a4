import { layStack, type Stack, usualTimes } from '../test/harness/index.ts'
import type { Servers } from './servers.ts'

/** Host of the databases, as Consul (or the static file) knows it. */
const host = 'dev1'

/**
 * Lays out a coordinator on SQLite, the agent of the database host, and a keeper that proves backups, each a process of
 * its own.
 *
 * @param verifyFolder where the servers live into which backups are restored; others may pass through it
 */
export function layFleet(servers: Servers, verifyFolder: string): Promise<Stack> {
  const { postgres, mariadb, consul, s3 } = servers
  return layStack({
    coordinator: {
      policies: [{ name: 'daily', every: '24h', rpo: '26h', verification: { every: '7d' } }],
      // as in life, but for a planner that looks more often: a demo is short
      times: { ...usualTimes, plan: '250ms' },
    },
    agents: [
      {
        name: 'agent',
        node: host,
        logins: [
          {
            engine: 'postgres',
            service: 'shop-db',
            port: postgres.port,
            user: postgres.user,
            passwordFile: postgres.passwordFile,
          },
          ...(mariadb === undefined
            ? []
            : [
                {
                  engine: 'mariadb' as const,
                  service: 'library-db',
                  port: mariadb.port,
                  user: mariadb.user,
                  passwordFile: mariadb.passwordFile,
                },
              ]),
        ],
        toolFolders: mariadb === undefined ? [] : [mariadb.bin],
      },
      {
        name: 'keeper',
        node: 'keeper',
        keeper: true,
        toolFolders: mariadb === undefined ? [] : [mariadb.bin, mariadb.sbin],
        verify: { folder: verifyFolder, ...(process.getuid?.() === 0 ? { user: 'nobody' } : {}) },
      },
    ],
    ...(s3 === undefined ? {} : { s3 }),
    ...(consul === undefined
      ? {}
      : {
          consul: {
            server: consul,
            services: mariadb === undefined ? ['shop-db'] : ['shop-db', 'library-db'],
          },
        }),
  })
}
