// The job: counts the words of text files. Run it with
//     weir run build/@name@.so --input file:/absolute/path.txt
#include "@name@.h"

#include <weir/connectors/console.h>
#include <weir/connectors/files.h>
#include <weir/environment.h>
#include <weir/job.h>

WEIR_JOB(@ident@) {
  args.allow_only({"input"});

  env.set_job_name("@name@");
  env.from_source(weir::connectors::FileSource<std::string>(args.require("input"), weir::connectors::raw_format()))
      .flat_map(@ident@::split)
      .name("split")
      .key_by(&@ident@::Count::word)
      .reduce(@ident@::add)
      .name("count")
      .uid("count")  // names the state: it survives changes of the job
      .sink_to(weir::connectors::PrintSink<@ident@::Count>());
}
