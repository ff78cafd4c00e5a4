// A process that holds the lock of a SQLite store until it is killed: `node hold-lock.ts <lock file>`
import { holdFileLock } from '../../../../coordinator/store/sqlite/file-lock.ts'

holdFileLock(process.argv[2] ?? '')
process.stdout.write('held\n')
setInterval(() => {}, 60_000)
