"""Real pictures: long-tailed Fashion-MNIST, its draws, configs, plan and page."""
