import type { Stack } from '../test/harness/index.ts'
import { postgresEnvironment } from './data/postgres.ts'
import type { Servers } from './servers.ts'

/** How to look at what runs, and how to end it: for people, as shell lines that work. */
export function howToLook(stack: Stack, servers: Servers): string {
  const { postgres, s3 } = servers
  const libpq = Object.entries(postgresEnvironment(postgres, 'shop')).filter(([name]) =>
    name.startsWith('PG'),
  )
  const store =
    s3 === undefined
      ? [`ls -R ${stack.destination.replace('file://', '')}`]
      : [
          `export ${Object.entries(s3.server.environment)
            .map(([name, value]) => `${name}=${value}`)
            .join(' ')}`,
          `aws s3 ls --recursive ${stack.destination}/`,
        ]
  return `
It goes on running. In another terminal, in this folder:

  export HOLDFAST_COORDINATOR=${stack.address}
  bin/holdfast status
  bin/holdfast backup start shop --wait
  bin/holdfast --help

what it has stored:

  ${store.join('\n  ')}

the database:

  ${libpq.map(([name, value]) => `${name}=${value}`).join(' ')} ${postgres.bin}/psql

metrics: ${stack.coordinator.statusUrl}/metrics   logs: ${stack.folder}/*.log

Ctrl-C here (or SIGTERM to process ${process.pid}) ends all of it and removes it.
`
}
