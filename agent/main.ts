/** Entry of `holdfast-agent`. */
import { listenForStop } from '../shared/lifecycle/index.ts'
import { run } from './standalone/program.ts'

const signals = listenForStop()
process.exitCode = await run(process.argv.slice(2), {
  out: text => process.stdout.write(text),
  err: text => process.stderr.write(text),
  interactive: process.stderr.isTTY === true,
  columns: () => process.stderr.columns ?? 100,
  stop: signals.stop,
  abort: signals.abort,
  environment: process.env,
})
signals.close()
