//! What `nginx -v`, `-V` and `-?` print.

use super::super::say::complain;
use super::arguments::Arguments;

/// The nginx whose language and behaviour this is.
const NGINX: &str = "1.28.0";

/// What scripts look for in `-V`, as far as the reader honours it.
const MODULES: [&str; 7] = [
    "--with-http_ssl_module",
    "--with-http_v2_module",
    "--with-http_realip_module",
    "--with-http_auth_request_module",
    "--with-http_stub_status_module",
    "--with-http_gzip_static_module",
    "--with-threads",
];

const USAGE: &str = "\
Usage: nginx [-?hvVtTq] [-s signal] [-p prefix]
             [-e filename] [-c filename] [-g directives]

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a master process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: /etc/nginx/)
  -e filename   : set error log file (default: stderr)
  -c filename   : set configuration file (default: /etc/nginx/nginx.conf)
  -g directives : set global directives out of configuration file
";

/// Prints what was asked for.
pub(super) fn tell(arguments: &Arguments) {
    complain(&format!("nginx version: nginx/{NGINX} (vordr {})", env!("CARGO_PKG_VERSION")));
    if arguments.help {
        complain(USAGE);
    } else if arguments.features {
        let modules = MODULES.join(" ");
        complain(&format!("built with rustls\nTLS SNI support enabled\nconfigure arguments: {modules}"));
    }
}
