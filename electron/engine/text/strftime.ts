const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  'January', 'February', 'March', 'April', 'May', 'June',
  'July', 'August', 'September', 'October', 'November', 'December',
]; // prettier-ignore

const padded = (number: number, width = 2): string => String(number).padStart(width, '0');

/** Python's strftime in the C locale and local time, for the codes that templates use; others stay as they are. */
export function strftime(date: Date, format: string): string {
  const day = days[date.getDay()] as string;
  const month = months[date.getMonth()] as string;
  const hour = date.getHours();
  const values: Record<string, string> = {
    '%': '%',
    a: day.slice(0, 3),
    A: day,
    b: month.slice(0, 3),
    B: month,
    d: padded(date.getDate()),
    H: padded(hour),
    I: padded(hour % 12 === 0 ? 12 : hour % 12),
    j: padded(dayOfYear(date), 3),
    m: padded(date.getMonth() + 1),
    M: padded(date.getMinutes()),
    p: hour < 12 ? 'AM' : 'PM',
    S: padded(date.getSeconds()),
    y: padded(date.getFullYear() % 100),
    Y: String(date.getFullYear()),
  };
  const composed = format
    .replaceAll('%F', '%Y-%m-%d')
    .replaceAll('%T', '%H:%M:%S')
    .replaceAll('%D', '%m/%d/%y');
  return composed.replace(/%(-?)([a-zA-Z%])/g, (whole, dash: string, code: string) => {
    const value = Object.hasOwn(values, code) ? (values[code] as string) : whole;
    return dash === '-' ? value.replace(/^0+(?=\d)/, '') : value;
  });
}

function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getFullYear(), 0, 0);
  return (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - start) / 86_400_000;
}
