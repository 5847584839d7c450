// A look at a config's YAML events before Yams composes it: aliases are refused. Nine lines of aliases of aliases stand for
// a billion values, and Yams follows each of them where it compares keys. No config needs one.

import CYaml

/// The line (from 1) of the first alias, `*name`, in a YAML text; nil where there is none, or an error comes first.
func lineOfFirstAlias(yaml: String) -> Int? {
    var parser = yaml_parser_t()
    guard yaml_parser_initialize(&parser) == 1 else { return nil }
    defer { yaml_parser_delete(&parser) }
    var text = yaml
    return text.withUTF8 { bytes in
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(&parser, &event) == 1 else { return nil }
            defer { yaml_event_delete(&event) }
            if event.type == YAML_ALIAS_EVENT { return Int(event.start_mark.line) + 1 }
            if event.type == YAML_STREAM_END_EVENT { return nil }
        }
    }
}
