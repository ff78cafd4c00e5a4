import { join } from 'node:path'
import { postgres } from '../../agent/engines/postgres/engine.ts'
import { makeScratch } from '../../agent/jobs/scratch.ts'
import { createToolFinder } from '../../agent/process/index.ts'
import { verifyIn } from '../agent/jobs/conducted.ts'

/** Starts a throw-away server below the folder given, says so, and waits to be killed. */
const [state = '', bin = '', version = ''] = process.argv.slice(2)
const tools = createToolFinder({ folders: [bin] })
const folder = await verifyIn(state, { user: 'nobody' }).open()
const scratch = await makeScratch(join(state, 'scratch'))
const server = await postgres.throwaway?.start(
  {
    serverVersion: version,
    folder: folder.path,
    requirements: { extensions: [], preload_libraries: [], locales: [], tablespaces: [], roles: [] },
    user: 'nobody',
  },
  { scratch: scratch.path, tools, signal: new AbortController().signal },
)
process.stdout.write(`${server?.target.host}\n`)
setInterval(() => {}, 60_000)
