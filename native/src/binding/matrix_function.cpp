#include "matrix_function.h"

#include "../matrix/codes.h"
#include "arguments.h"
#include "pack_description.h"

namespace retort::binding {

Napi::Value unpack_groups(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Layout layout = read_layout(Fields(info[0], "layout"), whole_number(info[1], "rows"), whole_number(info[2], "columns"));
    // Reading the fields may have run JavaScript: bytes come last.
    const auto bytes = uint8_elements(info[3], "bytes");
    if (bytes.size() != static_cast<std::size_t>(layout.groups * layout.group_bytes)) {
      refuse(info.Env(), "[matrix] " + std::to_string(bytes.size()) + " bytes are not the groups of " + std::to_string(layout.rows) + " rows.");
    }
    auto values = Napi::Float32Array::New(info.Env(), static_cast<std::size_t>(layout.rows * layout.columns));
    for (std::int64_t row = 0; row < layout.rows; ++row) {
      read_values(layout, bytes.data() + row / group_rows * layout.group_bytes, row % group_rows, 0, layout.columns, values.Data() + row * layout.columns);
    }
    return values;
  });
}

}  // namespace retort::binding
