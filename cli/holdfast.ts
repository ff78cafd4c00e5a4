import { listenForStop } from '../shared/lifecycle/index.ts'
import { run } from './program.ts'

// The reader of a pipe may leave early (`holdfast job list | head`): that is no error of ours.
process.stdout.on('error', error => process.exit('code' in error && error.code === 'EPIPE' ? 0 : 70))

const signals = listenForStop()
process.exitCode = await run(process.argv.slice(2), {
  out: text => process.stdout.write(text),
  err: text => process.stderr.write(text),
  width: process.stdout.columns ?? 100,
  interactive: process.stderr.isTTY === true,
  environment: process.env,
  now: () => Date.now(),
  signal: signals.stop,
})
signals.close()
