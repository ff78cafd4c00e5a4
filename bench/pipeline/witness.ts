/**
 * Loaded into a Node process by NODE_OPTIONS: at its end writes what the kernel counted of it alone, without its children, to
 * `$HOLDFAST_BENCH_WITNESS/<pid>.json`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'

const folder = process.env['HOLDFAST_BENCH_WITNESS']
if (folder !== undefined && isMainThread)
  process.on('exit', () => {
    const { user, system } = process.cpuUsage()
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]
    const seen = { cpuSeconds: (user + system) / 1e6, peakRssBytes: Number(peak ?? 0) * 1024 }
    writeFileSync(join(folder, `${process.pid}.json`), JSON.stringify(seen))
  })
