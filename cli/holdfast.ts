import { listenForStop } from '../shared/lifecycle/index.ts'
import { inColours, plainly, wantsColours } from './print/paint.ts'
import { run } from './program.ts'
import { screenOf } from './screen.ts'

// The reader of a pipe may leave early (`holdfast job list | head`): that is no error of ours.
process.stdout.on('error', error => process.exit('code' in error && error.code === 'EPIPE' ? 0 : 70))

const signals = listenForStop()
const argv = process.argv.slice(2)
const screen = screenOf(process.stdout, process.stdin)
process.exitCode = await run(argv, {
  out: text => process.stdout.write(text),
  err: text => process.stderr.write(text),
  // asked each time: a terminal may be made wider while it is watched
  get width() {
    return process.stdout.columns ?? 100
  },
  interactive: process.stderr.isTTY === true,
  paint: wantsColours(argv, process.env, process.stdout.isTTY === true) ? inColours : plainly,
  ...(screen === undefined ? {} : { screen }),
  environment: process.env,
  now: () => Date.now(),
  signal: signals.stop,
})
signals.close()
