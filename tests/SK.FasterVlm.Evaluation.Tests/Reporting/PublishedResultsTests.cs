using SK.FasterVlm.Evaluation.Reporting;
using SK.FasterVlm.Evaluation.Statistics;

namespace SK.FasterVlm.Evaluation.Tests.Reporting;

public sealed class PublishedResultsTests
{
    [Fact]
    public void Rows_WithAllBenchmarks_GiveThePublishedAverage()
    {
        // The paper's average is the mean of ratios; agreeing to the last digit also says that no number was copied wrongly.
        int checkedRows = 0;
        foreach (PublishedRow row in PublishedResults.Rows.Where(static r => r.Values.Count == 10))
        {
            PublishedRow full = PublishedResults.Rows.First(r => r.Model == row.Model);
            Assert.Equal(row.Average, Aggregates.MeanOfRatios(full.Values, row.Values), 0.0051);
            checkedRows++;
        }
        Assert.Equal(12, checkedRows);
    }

    [Fact]
    public void For_Benchmark_LeavesOutRowsWithoutIt()
    {
        Assert.Equal([1, 0.75, 0.5, 0.25], PublishedResults.For("pope").Where(static r => r.Model == "LLaVA-1.5-7B").Take(4).Select(static r => r.Keep));
        Assert.Single(PublishedResults.For("pope"), static r => r.Model == "LLaVA-1.5-13B");
        Assert.Empty(PublishedResults.For("jsonl"));
    }

    [Fact]
    public void Aggregates_NothingInCommon_IsRefused() =>
        Assert.Throws<ArgumentException>(() => Aggregates.MeanOfRatios(new Dictionary<string, double> { ["a"] = 1 }, new Dictionary<string, double> { ["b"] = 1 }));
}
