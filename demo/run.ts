/** Entry of `npm run demo`. */
import { bytes } from '../cli/print/units.ts'
import { demo } from './demo.ts'
import { endDescendants } from './descendants.ts'
import { help, readOptions } from './options.ts'

const exitOf = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

// Whatever is under way is given up: everything it has is thrown away in the end. Folders go with the process.
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stopping.signal.aborted) return
    stopping.abort()
    process.stderr.write(`\n${signal}: ending everything\n`)
    void endDescendants(4_000).then(() => process.exit(exitOf[signal]))
  })
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) {
    process.stdout.write(`${help}\n`)
    return 0
  }
  const result = await demo(options, stopping.signal)
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else
    process.stdout.write(
      `\n${result.databases} databases, ${result.backups} backups (${bytes(result.raw_bytes)} dumped, ` +
        `${bytes(result.stored_bytes)} stored), ${result.verified} restored and found the same, ${result.seconds} s\n`,
    )
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  // what fails while everything is being ended is no failure
  if (!stopping.signal.aborted) {
    // before the last word, so that it is the last one
    await endDescendants(4_000)
    process.stderr.write(`\nthe demo failed: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  }
}
