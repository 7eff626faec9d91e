using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Core.Tests.Models;

namespace SK.FasterVlm.Cli.Tests;

public class TransferRateTests
{
    [Fact]
    public void Speed_and_time_left_are_those_of_the_last_seconds()
    {
        ManualTime time = new();
        TransferRate rate = new(time);
        rate.Add(1_000_000_000); // fetched by an earlier run: no speed comes of it
        Assert.Equal("1.00 GB of 4.00 GB", rate.Describe(1_000_000_000, 4_000_000_000));
        time.Advance(TimeSpan.FromSeconds(2));
        rate.Add(1_020_000_000);
        Assert.Equal("1.02 GB of 4.00 GB, 10.0 MB/s, 4:58 left", rate.Describe(1_020_000_000, 4_000_000_000));
        Assert.Equal("1.02 GB, 10.0 MB/s", rate.Describe(1_020_000_000, null));
        for (int second = 0; second < 20; second++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            rate.Add(1_020_000_000 + ((second + 1) * 500_000));
        }
        Assert.Equal("1.03 GB of 4.00 GB, 500.0 kB/s, 1:39:00 left", rate.Describe(1_030_000_000, 4_000_000_000));
        rate.Add(0); // the bytes were thrown away
        Assert.Equal("0 bytes of 4.00 GB", rate.Describe(0, 4_000_000_000));
    }
}
