/** Entry of `holdfast-coordinator`. */
import { listenForStop } from '../shared/lifecycle/index.ts'
import { run } from './commands/program.ts'

const signals = listenForStop()
process.exitCode = await run(process.argv.slice(2), {
  out: text => process.stdout.write(text),
  err: text => process.stderr.write(text),
  stop: signals.stop,
  abort: signals.abort,
})
signals.close()
