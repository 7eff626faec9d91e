using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>Alone in the process while it runs, because it watches the process's memory.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class RunsAlone;

/// <summary>Many calls at once, many calls in a row, and calls that are given up.</summary>
[Collection(typeof(RunsAlone))]
public class TowerLifetimeTests
{
    [Fact]
    public async Task Eight_at_once_give_what_one_gives()
    {
        using var tiny = new TinyTower();
        using ClipVisionTower tower = tiny.Load();
        float[][] alone = [.. Enumerable.Range(0, 8).Select(i => Run(tower, tiny, i))];
        float[][] together = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(i => Task.Run(() => Run(tower, tiny, i), TestContext.Current.CancellationToken)));
        for (int i = 0; i < 8; i++) Assert.Equal(alone[i], together[i]);
    }

    [Fact]
    public void The_number_of_threads_does_not_change_the_numbers()
    {
        using var tiny = new TinyTower();
        using ClipVisionTower one = tiny.Load(threads: 1), three = tiny.Load(threads: 3);
        Assert.InRange(Compare.Max(Run(one, tiny, 5), Run(three, tiny, 5)), 0, 1e-5);
    }

    [Fact]
    public void Two_hundred_pictures_leave_memory_where_it_was()
    {
        var wide = new VisionGeometry(ImageSize: 168, PatchSize: 14, Width: 128, FeedForward: 128, Heads: 2, Layers: 1);
        using var tiny = new TinyTower(vision: wide);
        using ClipVisionTower tower = tiny.Load();
        float[] pixels = tiny.Pixels(1);
        Encode(30);
        long before = NativeMemory();
        Encode(200);
        // One view is 220 KB: if it leaked there would be 44 MB more.
        Assert.InRange(NativeMemory() - before, long.MinValue, 20_000_000);

        void Encode(int times)
        {
            for (int i = 0; i < times; i++)
            {
                using EncodedView view = tower.View(pixels);
                tower.Tokens(view, [.. Enumerable.Range(0, 1 + i % 144)]);
            }
        }
    }

    // A token that is cancelled already sets the flag before the first node: what is tested is that ggml reads it and stops.
    [Fact]
    public void The_library_stops_between_operations_and_can_go_on_afterwards()
    {
        using var tiny = new TinyTower();
        NativeRuntime.Load(new NativeOptions());
        using var workspace = new TowerWorkspace(TowerDevice.OnCpu(), 1, 64);
        Assert.Throws<OperationCanceledException>(() => Double(workspace, new CancellationToken(canceled: true)));
        Assert.Equal(4, Double(workspace, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_cancelled_encode_throws_and_the_next_one_works()
    {
        using var tiny = new TinyTower();
        using ClipVisionTower tower = tiny.Load();
        float[] pixels = tiny.Pixels(1);
        using var source = new CancellationTokenSource();
        tower.Computing = source.Cancel; // after every check of the token but the graph's own
        Assert.ThrowsAny<OperationCanceledException>(() => tower.Encode(pixels, source.Token));
        tower.Computing = null;
        using EncodedView view = tower.View(pixels);
        Assert.ThrowsAny<OperationCanceledException>(() => tower.Finish(view, [1], project: true, new CancellationToken(canceled: true)));
        Assert.Equal(64, tower.Tokens(view, [1]).Length);
    }

    [Fact]
    public void L7_Views_may_outlive_the_tower()
    {
        using var tiny = new TinyTower();
        ClipVisionTower tower = tiny.Load();
        EncodedView view = tower.View(tiny.Pixels(1));
        tower.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tower.Tokens(view, [1]));
        view.Dispose();
        view.Dispose();
        tower.Dispose();
    }

    static float[] Run(ClipVisionTower tower, TinyTower tiny, int seed)
    {
        using EncodedView view = tower.View(tiny.Pixels(seed));
        return tower.Tokens(view, [.. Enumerable.Range(0, 1 + seed % 36)]);
    }

    static unsafe float Double(TowerWorkspace workspace, CancellationToken cancellationToken)
    {
        using GraphBuilder g = workspace.NewGraph();
        ggml_tensor* x = g.Input(ggml_type.GGML_TYPE_F32, 1, 1, "x");
        ggml_tensor* y = g.Output(Ggml.ggml_add(g.Context, x, x), "y");
        workspace.Allocate(g);
        GraphBuilder.Set<float>(x, [2]);
        workspace.Compute(g, cancellationToken);
        return GraphBuilder.Get(y)[0];
    }

    // What the process holds beside the managed heap, whose size follows the garbage collector's mood.
    static long NativeMemory()
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return Environment.WorkingSet - GC.GetGCMemoryInfo(GCKind.Any).TotalCommittedBytes;
    }
}
