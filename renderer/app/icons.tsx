/** The screens' drawings. */
import type { ReactNode } from 'react';

function Icon({ size = 20, children }: { readonly size?: number; readonly children: ReactNode }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox={`0 0 ${size} ${size}`}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export function Mark() {
  return (
    <Icon size={24}>
      <circle cx="9" cy="14.5" r="6" />
      <path d="M5 10c2-4 7-6.5 16-3.5l-.6 2.4C16 7.600 13.500 9 14.600 12.400" />
      <path d="M3.400 16h11.200" className="stroke-accent" />
    </Icon>
  );
}

export function ChatIcon() {
  return (
    <Icon>
      <path d="M3.500 4.500h13v9h-7l-3.500 3v-3h-2.500z" />
      <path d="M6.500 7.500h7M6.500 10.500h4" />
    </Icon>
  );
}

export function CacheIcon() {
  return (
    <Icon>
      <path d="M3.500 3.500h13v13h-13zM3.500 7.800h13M3.500 12.200h13M7.800 3.500v13M12.200 3.500v13" />
    </Icon>
  );
}

export function CompareIcon() {
  return (
    <Icon>
      <path d="M3.500 3.500h5.500v13h-5.500zM11.500 3.500h5v13h-5zM6 6.500v1.500M6 10.500v1.500M14 8.500v1.500M14 12.500v1.500" />
    </Icon>
  );
}

export function RunsIcon() {
  return (
    <Icon>
      <path d="M3.500 3v13.500h13.500M6.500 13l3-4 2.500 2 4.500-5.500" />
    </Icon>
  );
}

export function ModelsIcon() {
  return (
    <Icon>
      <path d="M10 2.500l7 3.700-7 3.700-7-3.700zM3 10l7 3.700 7-3.700M3 13.800l7 3.700 7-3.700" />
    </Icon>
  );
}

export function SettingsIcon() {
  return (
    <Icon>
      <path d="M3 6h14M3 14h14" />
      <circle cx="7" cy="6" r="2" className="fill-surface-sunken" />
      <circle cx="13" cy="14" r="2" className="fill-surface-sunken" />
    </Icon>
  );
}
