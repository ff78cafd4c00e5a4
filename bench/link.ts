import { parseArgs } from 'node:util'
import { measureFleet } from './link/measure.ts'
import { rowsOf } from './link/rows.ts'
import { storeKinds } from './link/store.ts'
import type { BenchAnswer } from './run.ts'
import { table } from './table.ts'

export const description = 'many agents on the true link: what each costs the coordinator, and what waits'
export const takesOptions = true

const help = `npm run bench -- link [OPTIONS]

One coordinator in a process of its own; agents of the true protocol in load processes on loopback, each a host with
one server, heartbeats every 10 s. First they only beat; then all tell of their databases at once, everything is due,
and jobs are assigned, started and recorded as fast as the coordinator can.

  --agents LIST     sizes of the fleet, one run each (default 1000,2000,5000)
  --databases N     databases on each server (default 4)
  --store KIND      sqlite or postgres (default sqlite)
  --tls             over mTLS, each agent with a certificate of its own; default plaintext
  --seconds N       how long the beating is watched (default 40)
  --profile FOLDER  write the coordinator's CPU profile there (for DevTools); makes it slower
  --json            end with one line of JSON on stdout; all else goes to stderr
  --help            this`

/** See `--help`. */
export async function run(report: (line: string) => void, args: readonly string[]): Promise<BenchAnswer> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      agents: { type: 'string', default: '1000,2000,5000' },
      databases: { type: 'string', default: '4' },
      seconds: { type: 'string', default: '40' },
      store: { type: 'string', default: 'sqlite' },
      tls: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(help)
    return { status: 0 }
  }
  const sizes = values.agents.split(',').map(Number)
  const [databases, seconds] = [Number(values.databases), Number(values.seconds)]
  if (![...sizes, databases, seconds].every(each => Number.isInteger(each) && each > 0)) {
    console.error('--agents, --databases and --seconds take whole numbers above 0')
    return { status: 2 }
  }
  const store = storeKinds.find(kind => kind === values.store)
  if (store === undefined) {
    console.error(`--store is one of ${storeKinds.join(', ')}`)
    return { status: 2 }
  }
  const measured = []
  for (const agents of sizes)
    measured.push(
      await measureFleet(
        { agents, databases, seconds, store, tls: values.tls, profile: values.profile },
        report,
      ),
    )
  const rows = rowsOf(measured)
  for (const line of table(rows)) report(line)
  return { rows, status: rows.some(row => row.value === null) ? 1 : 0 }
}
