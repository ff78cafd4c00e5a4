export { destinationFromWire as destinationFrom } from '../../shared/wire/destination.ts'
