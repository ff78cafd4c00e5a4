/**
 * `npm run verify`: all checks of the repository that are no tests, two side by side, since most of them keep one
 * processor busy. Says what each said, whole, in the order they end; ends with 1 when one failed, after all have ended.
 */
import { execa } from 'execa'

/** Scripts of package.json, the longest first, so that none is waited for alone. */
const checks = [
  'lint:imports',
  'gen:check',
  'types',
  'lint',
  'types:pure',
  'supply',
  'proto:lint',
  'proto:breaking',
]
const atOnce = 2

const failed: string[] = []
const waiting = [...checks]
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const {
        failed: bad,
        all,
        shortMessage,
      } = await execa('npm', ['run', '-s', check], {
        reject: false,
        all: true,
      })
      if (bad) failed.push(check)
      console.log(`== ${check}${bad ? `: ${shortMessage}` : ''}\n${all}`)
    }
  }),
)
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`)
  process.exitCode = 1
}
